"""Speed of our decoder and of others on the same work. Each contestant runs in a process of its own (`worker`)."""
