"""What builds the site: commands that run, numbers from the committed tables, pictures, and the generated reference."""
