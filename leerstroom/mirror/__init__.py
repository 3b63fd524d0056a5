"""The mirror: the LRS as columns on disk, and the columns themselves."""
