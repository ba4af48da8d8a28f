"""Plan, make and publish a release."""
