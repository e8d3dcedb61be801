"""`make sabotage`: take each mechanism out once and see that a test notices.

copy of the tree ─► named tests are green ─► one mutation ─► named tests are red ─► restored
"""
