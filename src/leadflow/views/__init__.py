"""What people may read: leads, stories, traces and reports as one actor may see them."""
