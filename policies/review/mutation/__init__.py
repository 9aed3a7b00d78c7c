"""Breaks the access model one rule at a time, and looks whether a decision notices; if none does, a rule is idle.

A mutant is the model with one statement, condition, grant, policy, membership or constraint dropped or widened.
"""
