import os

import torch
from data import digits
from program import faulty


@faulty("accuracy", at_least=0.9, causes=("wrong_output_activation",), needs="keras")
def softmax_and_from_logits(fixed=False):
    """Keras with PyTorch beneath it: a softmax layer before a loss that is told to expect
    logits, so that softmax is applied twice."""
    os.environ.setdefault("KERAS_BACKEND", "torch")
    import keras

    keras.utils.set_random_seed(torch.initial_seed() % 2**32)
    x, y = (t.numpy() for t in digits())
    model = keras.Sequential(
        [
            keras.Input((64,)),
            keras.layers.Dense(32, activation="relu"),
            keras.layers.Dense(10, activation=None if fixed else "softmax"),
        ]
    )
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(optimizer=keras.optimizers.SGD(0.2), loss=loss)
    model.fit(x, y, batch_size=64, epochs=9, verbose=0)
    return (model.predict(x, verbose=0).argmax(1) == y).mean()
