"""Send photos to TF Serving over REST and print what is read in them.

    python examples/serving/rest_client.py plates a.jpg b.jpg --server http://host:8501

It needs Python alone. A line of JSON for each photo; exit status 1 if one could not be
read.
"""

import base64
import datetime
import email.utils
import http.client
import json
import sys
import urllib.error
import urllib.request

from sending import Ask, Busy, Refused, arguments, run

BUSY = {429, 502, 503, 504}
BAD_PHOTO = {400, 413, 415, 422}


def main() -> None:
    """Read the command line, send, print."""
    options = arguments(str(__doc__), "http://localhost:8501").parse_args()
    sys.exit(run(options, rest(options)))


def rest(options) -> Ask:
    """Asks `:predict` of a model, in row format."""
    version = "" if options.version is None else f"/versions/{options.version}"
    url = f"{options.server}/v1/models/{options.model}{version}:predict"

    def ask(files: list[bytes]) -> list[dict]:
        instances = [{"b64": base64.b64encode(file).decode()} for file in files]
        body = {"signature_name": "serving_bytes", "instances": instances}
        request = urllib.request.Request(
            url, json.dumps(body).encode(), {"Content-Type": "application/json"}
        )
        try:
            with urllib.request.urlopen(request, timeout=options.timeout) as answer:
                return json.load(answer)["predictions"]
        except urllib.error.HTTPError as error:
            why = f"{error.code}, {reason(error)}"
            if error.code in BUSY:
                raise Busy(why, seconds(error.headers.get("Retry-After"))) from error
            if error.code in BAD_PHOTO:
                raise Refused(why) from error
            raise RuntimeError(f"{url}: {why}") from error
        except (OSError, http.client.HTTPException) as error:
            # Refused, reset, timed out, or ended too early.
            raise Busy(f"{url}: {error or type(error).__name__}") from error
        except (ValueError, KeyError, TypeError) as error:
            raise RuntimeError(f"{url} is no TF Serving: {error}") from error

    return ask


def reason(error: urllib.error.HTTPError) -> str:
    """What the server says: TF Serving's errors are JSON, a proxy's are not."""
    with error:
        text = error.read(2000).decode("utf-8", "replace")
    try:
        return str(json.loads(text)["error"])
    except (ValueError, KeyError, TypeError):
        return error.reason


def seconds(retry_after: str | None) -> float | None:
    """The header Retry-After: seconds, or a date."""
    if not retry_after:
        return None
    if retry_after.isdigit():
        return float(retry_after)
    try:
        date = email.utils.parsedate_to_datetime(retry_after)
        left = date - datetime.datetime.now(datetime.timezone.utc)
    except (ValueError, TypeError):
        return None
    return max(0.0, left.total_seconds())


if __name__ == "__main__":
    main()
