"""The first definition of a superproject: what is found in it, guesses, and the files made of both."""
