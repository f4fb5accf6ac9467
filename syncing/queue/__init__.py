"""Jobs and the alarm clock that wakes them."""
