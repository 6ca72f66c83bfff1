"""Stand-alone ASGI doubles of the services we call: Chapa, Paystack, Daraja, orders, a mailbox.

They import nothing from the rest of the package: an oracle that shared our code would share our bugs. Each
has `create_*` that builds a Starlette application and a control surface under `/_sim/`, which belongs to
the simulator alone and never needs a key. `running(app)` holds one open where no server runs its lifespan.
"""
