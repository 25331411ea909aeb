"""The rows `article_*` on asyncio and uvloop: `article.py asyncio|uvloop ROW [--quick]`.

The programs of the article that windlass began with, scaled up and without their prints. The output is
one JSON line, as `rivals measure` has it; `rivals compare` starts this file for these two runtimes.
"""

import asyncio
import json
import statistics
import sys
import time

ITEMS = 100_000


async def queue(items):
    """5 producers, 2 consumers, a queue with room for 3."""
    shared = asyncio.Queue(maxsize=3)

    async def producer(count):
        for item in range(count):
            await shared.put(item)

    async def consumer():
        while True:
            await shared.get()
            shared.task_done()

    producers = [asyncio.create_task(producer(items // 5)) for _ in range(5)]
    consumers = [asyncio.create_task(consumer()) for _ in range(2)]
    await asyncio.gather(*producers)
    await shared.join()
    for task in consumers:
        task.cancel()


async def gather(items):
    """So many tasks, all awaited."""

    async def task():
        pass

    await asyncio.gather(*(task() for _ in range(items)))


async def limit(items):
    """So many tasks, each holding one of 10 permits while the others have a turn."""
    permits = asyncio.Semaphore(10)

    async def limited():
        async with permits:
            await asyncio.sleep(0)

    await asyncio.gather(*(limited() for _ in range(items)))


ROWS = {
    "article_queue": (queue, "ns/item"),
    "article_gather": (gather, "ns/task"),
    "article_limit": (limit, "ns/task"),
}


async def measure(work, items, passes):
    """The median pass in nanoseconds per item, after one to warm up."""
    taken = []
    for _ in range(passes + 1):
        start = time.perf_counter_ns()
        await work(items)
        taken.append((time.perf_counter_ns() - start) / items)
    return statistics.median(taken[1:])


def main(runtime, row, quick):
    work, unit = ROWS[row]
    running = measure(work, ITEMS // 10 if quick else ITEMS, 1 if quick else 3)
    if runtime == "uvloop":
        import uvloop

        value = uvloop.run(running)
    else:
        value = asyncio.run(running)
    line = {"runtime": runtime, "workers": 1, "metric": row, "unit": unit, "value": round(value, 3)}
    print(json.dumps(line, separators=(",", ":")))


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], "--quick" in sys.argv)
