"""Reading one crop: the character networks, and how they run over many crops."""
