"""JPEGs in, strings out, with nothing but TensorFlow: what TF Serving does.

fused-ocr export digits served/1
python examples/saved_model_bytes.py served/1 PHOTO ...
"""

import sys
from pathlib import Path

import tensorflow as tf


def main() -> None:
    """One request with files of different sizes."""
    if len(sys.argv) < 3:
        sys.exit("Usage: python examples/saved_model_bytes.py SAVED_MODEL PHOTO ...")
    folder, *photos = sys.argv[1:]
    loaded = tf.saved_model.load(folder)
    serve = loaded.signatures["serving_bytes"]
    try:
        files = [Path(photo).read_bytes() for photo in photos]
    except OSError as error:
        sys.exit(str(error))
    answer = serve(image_bytes=tf.constant(files))
    for i, photo in enumerate(photos):
        error = answer["error"][i].numpy().decode()
        if error:
            print(photo, error)
            continue
        count = int(answer["count"][i])
        texts = [text.decode() for text in answer["text"][i, :count].numpy()]
        print(photo, texts, answer["score"][i, :count].numpy().round(3).tolist())


if __name__ == "__main__":
    main()
