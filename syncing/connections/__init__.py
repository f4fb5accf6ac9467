"""What is done with a whole connection: who takes part, matched anew, reconciled, resumed, disconnected."""
