"""The console as people meet it: a real browser at the running product, which talks to the simulator."""
