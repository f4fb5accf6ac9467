"""How a copy of ours is told from other orders."""

MARK_TAG = "multi_store_sync"
