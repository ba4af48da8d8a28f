"""A superproject commit → its components, each with its spec."""
