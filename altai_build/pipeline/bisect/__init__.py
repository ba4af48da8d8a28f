"""Which commit broke a component: the first bad pin of the superproject, then the commit behind it."""
