"""The JSON of the admin API: what it answers and takes, a module a chapter of operations."""
