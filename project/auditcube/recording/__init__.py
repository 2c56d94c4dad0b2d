"""What is found out around one `mlcube run`: its command, its configuration, its files, its image, and how it ended."""
