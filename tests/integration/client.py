"""A client on Debian's python3-websockets: says hello to user 2, prints what user 2 answers."""

import asyncio
import json
import sys

import websockets


async def main(url, token):
    header = {"Authorization": "Bearer " + token}
    # The keyword was renamed in version 14.
    new = int(websockets.__version__.split(".")[0]) >= 14
    keyword = {"additional_headers" if new else "extra_headers": header}
    async with websockets.connect(url, subprotocols=["postern.v1"], **keyword) as ws:
        assert ws.subprotocol == "postern.v1"
        ready = json.loads(await ws.recv())
        assert ready["event"] == "ready" and ready["data"]["user"] == "1", ready
        chat = {"event": "chat", "id": 1, "data": {"toUserId": 2, "message": "hello from python"}}
        await ws.send(json.dumps(chat))
        while True:
            frame = json.loads(await ws.recv())
            if frame["event"] == "chat":
                print(frame["data"]["content"])
                if frame["data"]["content"] == "hello to python":
                    break
        pong = await ws.ping()
        await asyncio.wait_for(pong, 10)


asyncio.run(asyncio.wait_for(main(*sys.argv[1:]), 30))
