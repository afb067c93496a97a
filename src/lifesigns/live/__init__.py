"""The live page: a server of its own reads the run file, and tells every open page what is new.

The training knows nothing of it. From the file to the page:

- `followed_run`: the one who reads the file, and turns what is new into texts to send;
- `feed`: those texts, each with its place, and what a page at some `cursor` has not been told;
- `following`: one task that reads, one that judges, for however many pages;
- `guard`: who may ask for what; `app`: the three addresses; `server`: the socket and its end;
- `detached`: the server of `lifesigns run --live`, which ends by itself when the run has ended.

Nobody looks, nothing is read. Needs the extra `live`.
"""
