"""Search: its syntax, and the keys that each kind of thing can be searched by."""
