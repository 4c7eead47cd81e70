"""What tests are made of: one file for each app, real actions wherever they exist."""
