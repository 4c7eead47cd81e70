"""What `make demo` begins with: people, three projects and a week of a simulated crowd."""
