"""What a run leaves behind: the types of its records, and the directory that holds them."""
