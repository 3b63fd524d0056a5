"""Everything that talks to another system: sources, the LRS connector, and the one way out (http)."""
