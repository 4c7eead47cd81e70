"""What answers to items with a known answer say about who gave them, and about the gold."""
