"""What the main pages weigh and how soon they answer, in Chromium against a site of its own."""
