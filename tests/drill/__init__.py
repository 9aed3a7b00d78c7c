"""Every alarm of the catalogue, fired by a real fault on the deployed local stack, heard, and seen to clear.

`./rendio drill` deploys a stack of its own, at a pace of two seconds a minute (local/pace.py), and does to it what goes
wrong in life: one fault a function, in `faults_*.py`, by alarm in `table.py`. What is measured is what people on call
get: the call at the on-call service or the notification, its link to the runbook, and its end.
"""
