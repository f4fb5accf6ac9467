"""Pages of the work itself: jobs, webhook events, workers, alerts, privacy requests."""
