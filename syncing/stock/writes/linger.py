"""How long a partly filled batch of stock writes waits for company, by what the store still lets us ask."""

FULL_SHARE = 0.9  # from here on the bucket counts as full: our own writes alone keep it from more
LOW_SHARE = 0.3  # down to here it counts as nearly empty: a tenth is kept for people, and reads need some
SHORTEST_SHARE = 0.3  # of the longest wait, while the bucket is full


def linger_seconds(longest_seconds: float, share_left: float) -> float:
    """Seconds to wait for company: three tenths of the longest while the bucket is full, all of it as it empties.

    A mutation costs the same for 1 row and for 250. With points to spare they buy time; as they run short, rows share
    one. `share_left` is what is left of the bucket, of the store that has the least; below 0 where points are promised
    that are not there yet.
    """
    scarcity = (FULL_SHARE - share_left) / (FULL_SHARE - LOW_SHARE)
    return longest_seconds * (SHORTEST_SHARE + (1 - SHORTEST_SHARE) * min(1.0, max(0.0, scarcity)))
