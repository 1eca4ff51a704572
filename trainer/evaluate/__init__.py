"""How good networks are, measured on faces whose truth is known."""
