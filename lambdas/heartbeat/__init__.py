"""Tells an outside monitor that alarms can be raised and delivered; its silence is the alarm."""
