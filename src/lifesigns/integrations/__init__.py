"""At home in the tools people train with: one file each, for the library that it is named after.

A *callback* is handed to a trainer and watches what that trains; a *log* is handed to a callback,
or to `lifesigns.watch(log_to=...)`, and takes the numbers and findings to a tracker of experiments.
Nothing is imported here: each file needs its own library, and says so where that is missing.

Example:
    Whatever has no file of its own has a place before its training and one behind it:

    >>> import torch, lifesigns
    >>> model, batch = torch.nn.Linear(3, 1), torch.ones(4, 3)
    >>> optimizer = torch.optim.SGD(model.parameters(), 0.1)
    >>> with lifesigns.watch(model, optimizer) as watcher:
    ...     for _ in range(3):  # your framework's training
    ...         model(batch).square().mean().backward()
    ...         optimizer.step()
    >>> watcher.trace.steps, watcher.trace.optimizers
    (3, ('SGD',))
"""
