"""The files of older tools: what they say, and what it becomes in repos.yaml. None of them is run."""
