"""The bar of a training says what is known, and nothing before."""

from fused_ocr.training.training_bar import TrainingBar


def test_no_validation_before_there_was_one():
    bar = TrainingBar(epochs=2, steps=1)
    told = []
    bar._bar.update = lambda *_, **fields: told.append(fields.get("losses"))
    for epoch, loss in enumerate((0.5, 0.25)):
        bar.on_epoch_begin(epoch)
        bar.on_train_batch_end(0, {"loss": loss})
        bar.on_epoch_end(epoch, {"loss": loss, "val_loss": 0.125})
    assert [one for one in told if one] == [
        "loss 0.5000", "loss 0.2500, validation 0.1250",
    ]  # fmt: skip
