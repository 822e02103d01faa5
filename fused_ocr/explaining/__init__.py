"""Why a photo is read as it is: what was left out, and what other looks would find."""
