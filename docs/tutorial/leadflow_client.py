"""Sends leads to LeadFlow: copy this file, and call `LeadFlow(address, token).send(...)`."""

import json
import os
import random
import sys
import time
import urllib.error
import urllib.request


class NotTaken(Exception):
    """LeadFlow does not take this arrival, and would not the next time; `problem` says why, by field."""

    def __init__(self, problem):
        super().__init__(problem.get("detail") or problem.get("title"))
        self.problem = problem


class LeadFlow:
    """One LeadFlow, at an address such as https://leads.example.com."""

    def __init__(self, address, token, tries=8):
        self.address, self.token, self.tries = address.rstrip("/"), token, tries

    def send(self, channel, ref, fields, campaign=None):
        """Send one arrival; gives what became of it. The same channel and ref again is the same arrival.

        Raises NotTaken, or OSError where LeadFlow cannot be reached: then send it again later.
        """
        arrival = {"channel": channel, "ref": ref, "campaign": campaign, "fields": fields}
        request = urllib.request.Request(
            self.address + "/v1/intake",
            data=json.dumps(arrival, ensure_ascii=False).encode(),
            headers={"Authorization": "Bearer " + self.token, "Content-Type": "application/json"},
        )
        tried = 0
        while True:
            tried += 1
            wait_s = min(60, 2**tried) * random.uniform(0.5, 1)
            try:
                with urllib.request.urlopen(request, timeout=30) as answer:
                    return json.load(answer)
            except urllib.error.HTTPError as error:
                if error.code not in (429, 502, 503, 504):
                    raise NotTaken(problem_of(error)) from error
                wait_s = max(wait_s, int(error.headers.get("Retry-After") or 0))
                problem = error
            except OSError as error:  # Not reached, or no answer in time.
                problem = error
            if tried == self.tries:
                raise problem
            time.sleep(wait_s)


def problem_of(error):
    """The problem document of an answer; something in between may have answered with none."""
    try:
        return json.load(error)
    except ValueError:
        return {"title": f"status {error.code}", "status": error.code}


if __name__ == "__main__":
    leadflow = LeadFlow(os.environ["LEADFLOW_URL"], os.environ["LEADFLOW_TOKEN"])
    try:
        done = leadflow.send(
            channel="web_form",
            ref="shop-10018",
            fields={
                "name": "李娜",
                "email": "Li.Na@Example.com",
                "company": "东方精密",
                "industry": "制造业",
                "size": "300-400",
                "region": "上海",
                "预算": "10万",
            },
        )
    except NotTaken as error:
        sys.exit(f"not taken: {error}")
    print(done["answer"], done["lead"], "in pool", done["pool"])
