"""`aiex top`: a node, or all of them, watched on a terminal.

`command` is the command, `panes` what there is to see and `table` how it is laid out: all of them
plain text. Only `app` and `dialogs` know Textual, and are imported when a terminal is there.
"""
