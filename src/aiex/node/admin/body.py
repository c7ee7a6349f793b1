"""A request's body, as an operation takes it."""

import msgspec
from starlette.exceptions import HTTPException
from starlette.requests import Request

# A key with a hundred models of long names takes a fifth of it.
BODY_BYTES_MAX = 100_000


async def body_as[T: msgspec.Struct](
    request: Request, shape: type[T], *, bytes_max: int = BODY_BYTES_MAX
) -> T:
    """The request's JSON as `shape`; raises 400 with what does not fit, 413 when it is too much."""
    body = bytearray()
    async for part in request.stream():
        body += part
        if len(body) > bytes_max:
            raise HTTPException(413, f"The body is larger than {bytes_max:,} bytes.")
    try:
        return msgspec.json.decode(body, type=shape)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        known = ", ".join(shape.__struct_fields__)
        text = f"Send a JSON object with some of {known}: {error}."
        raise HTTPException(400, text) from error
