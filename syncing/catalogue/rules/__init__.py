"""What a catalogue should look like: pure rules."""
