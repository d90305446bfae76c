"""Cameras, screens, microphones and loudspeakers, each behind a small protocol with a synthetic twin."""
