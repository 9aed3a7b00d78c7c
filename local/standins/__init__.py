"""Stand-ins for the services outside AWS: Apple DeviceCheck, fal.ai and the pager, one process.

They verify what a client sends as the real ones do, answer with the real ones' shapes, and fail when told to.
"""
