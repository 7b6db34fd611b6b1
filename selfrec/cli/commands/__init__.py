"""The commands, one a file; a command of several files is a folder."""
