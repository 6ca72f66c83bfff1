"""Contracts: what every adapter of a port must keep, as classes to inherit in a test module.

Each names a ``stage``: the adapter with the world around it, and the means to put that world in order or
out of order. A broken promise is reported in words, as a
:class:`~payments.testing.contracts.promises.BrokenPromise`::

    @pytest.mark.anyio
    class TestMyOrders(OrdersContract):
        def stage(self) -> AbstractAsyncContextManager[OrdersStage]: ...
"""
