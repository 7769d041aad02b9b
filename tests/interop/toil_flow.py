# SPDX-License-Identifier: Apache-2.0
"""A workflow for Toil: a root job, four children that square a number, a follow-on that adds up what they returned. Started as
toil_flow.py JOBSTORE --batchSystem mesos --mesosEndpoint HOST:PORT. Toil packs the folder of this file if it is a package, so it
is copied to a folder of its own before."""
from toil.common import Toil
from toil.job import Job


class Small(Job):
    def __init__(self, value):
        super().__init__(memory="256M", cores=0.2, disk="10M")
        self.value = value


class Square(Small):
    def run(self, store):
        return self.value ** 2


class Sum(Small):
    def run(self, store):
        return sum(self.value)


class Root(Small):
    def run(self, store):
        return self.addFollowOn(Sum([self.addChild(Square(i)).rv() for i in range(1, 5)])).rv()


if __name__ == "__main__":
    with Toil(Job.Runner.getDefaultArgumentParser().parse_args()) as toil:
        print("RESULT", toil.start(Root(None)))
