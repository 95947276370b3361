"""Notifications: who is told of which fact, in which words, and how that is sent.

`kinds` and `contents` are pure; `subscriptions` and `ledger` keep what is no fact in Postgres; `webhooks` and
`mails` send. What runs it is `consumers.notifier`.
"""
