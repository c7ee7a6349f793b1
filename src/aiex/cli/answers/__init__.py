"""What the admin API answers, as far as commands show it: a module a chapter of operations.

Everything has a default and what is unknown is ignored: a node may be older or newer than the
command line that asks it.
"""
