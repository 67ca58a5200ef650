"""Sums over latency.db: by hour, model, tag and node. Call it in a thread, as TraceReader."""

from collections import Counter
from typing import Any

from coordinator.advice.contexts import CallTokens, ContextUse, uses
from coordinator.advice.use import ModelUse
from coordinator.health.snapshot import CallFigures, ErrorCount, Overflow, StatusCount
from coordinator.trace_reader import DAY_S, TraceReader, rows
from shared.names import ModelName, normalise

HOUR_S = 3_600.0
ERRORS_SHOWN = 20

CONTEXT_CALLS = 200_000
"""The newest that are looked at for contexts: some MB while it is done."""

Rows = list[dict[str, Any]]

_TOKENS = """
    COALESCE(SUM(prompt_tokens), 0) AS total_prompt_tokens,
    COALESCE(SUM(completion_tokens), 0) AS total_completion_tokens"""
_HOURS = f"""
    SELECT CAST(timestamp / 3600 AS INTEGER) * 3600 AS hour_bucket,
           COUNT(*) AS request_count, AVG(latency_ms) AS avg_latency_ms, {_TOKENS}
    FROM latency_observations WHERE timestamp >= ? AND timestamp < ?
    GROUP BY hour_bucket ORDER BY hour_bucket"""  # noqa: S608 - ours, here and below
_MODEL_DAYS = f"""
    SELECT model_name, CAST(timestamp / 86400 AS INTEGER) * 86400 AS day_bucket,
           COUNT(*) AS request_count, AVG(latency_ms) AS avg_latency_ms, {_TOKENS}
    FROM latency_observations WHERE timestamp >= ? AND timestamp < ?
    GROUP BY model_name, day_bucket ORDER BY day_bucket, model_name"""  # noqa: S608
_MODELS = f"""
    SELECT model_name, COUNT(*) AS total_requests, AVG(latency_ms) AS avg_latency_ms,
           MIN(latency_ms) AS min_latency_ms, MAX(latency_ms) AS max_latency_ms, {_TOKENS},
           MIN(timestamp) AS first_seen, MAX(timestamp) AS last_seen
    FROM latency_observations WHERE timestamp >= ? AND timestamp < ?
    GROUP BY model_name ORDER BY total_requests DESC, model_name"""  # noqa: S608
_TAGGED = """
    FROM request_traces, json_each(CASE WHEN json_valid(tags) THEN tags END) AS each_tag
    WHERE timestamp >= ? AND timestamp < ? AND status != 'retried' AND tags != '[]'"""
_OUTCOMES = """
    SUM(status = 'completed') AS completed_count,
    SUM(status IN ('failed', 'incomplete', 'rejected')) AS failed_count,
    AVG(CASE WHEN status = 'completed' THEN latency_ms END) AS avg_latency_ms"""
_TAGS = f"""
    SELECT each_tag.value AS tag, COUNT(*) AS request_count, {_OUTCOMES},
           AVG(time_to_first_token_ms) AS avg_ttft_ms, {_TOKENS},
           ROUND(AVG(status IN ('failed', 'incomplete', 'rejected')), 4) AS error_rate
    {_TAGGED} GROUP BY tag ORDER BY request_count DESC, tag"""
_TAG_SUMMARY = f"""
    SELECT each_tag.value AS tag, COUNT(*) AS total_requests, {_OUTCOMES}, {_TOKENS},
           MIN(timestamp) AS first_seen, MAX(timestamp) AS last_seen
    {_TAGGED} GROUP BY tag ORDER BY total_requests DESC, tag"""
_TAG_DAYS = f"""
    SELECT each_tag.value AS tag, CAST(timestamp / 86400 AS INTEGER) * 86400 AS day_bucket,
           COUNT(*) AS request_count,
           AVG(CASE WHEN status = 'completed' THEN latency_ms END) AS avg_latency_ms,
           COALESCE(SUM(prompt_tokens), 0) + COALESCE(SUM(completion_tokens), 0) AS total_tokens
    {_TAGGED} GROUP BY tag, day_bucket ORDER BY day_bucket, tag"""
_KEYS = f"""
    SELECT key, COUNT(*) AS request_count, {_OUTCOMES}, {_TOKENS}, MAX(timestamp) AS last_seen
    FROM request_traces WHERE timestamp >= ? AND timestamp < ? AND status != 'retried' AND typeof(key) = 'text'
    GROUP BY +key ORDER BY request_count DESC, key"""  # noqa: S608
# Whoever refused a call for the caller's own mistake, an engine (stored as failed) or the coordinator (as rejected, for
# a model that nobody has): it is no failure. Want of a place is one: 503, or 429 where an engine said so.
_KIND = """
    CASE WHEN status IN ('failed', 'rejected') AND status_code BETWEEN 400 AND 499 AND status_code != 429
         THEN 'refused' ELSE status END"""
_STATUSES = f"""
    SELECT COALESCE(node_id, ''), {_KIND} AS kind, COUNT(*), SUM(timestamp >= ?)
    FROM request_traces WHERE timestamp >= ? AND status IS NOT NULL GROUP BY 1, 2 ORDER BY 1, 2"""  # noqa: S608
_FIRST_TOKENS = "SELECT AVG(time_to_first_token_ms) FROM request_traces WHERE timestamp >= ?"
_ERRORS = f"""
    SELECT COALESCE(node_id, ''), error_message, COUNT(*) AS n FROM request_traces
    WHERE timestamp >= ? AND {_KIND} IN ('failed', 'incomplete', 'rejected', 'retried') AND error_message IS NOT NULL
    GROUP BY 1, 2 ORDER BY n DESC, 1, 2 LIMIT ?"""  # noqa: S608
# Signs before node_id and model for the reason that trace_reader gives.
_OVERFLOWS = """
    SELECT node_id, model, COUNT(*), SUM(timestamp >= ?) FROM request_traces
    WHERE timestamp >= ? AND status = 'completed' AND COALESCE(original_format, '') != 'embed'
      AND node_id != '' AND model IS NOT NULL AND json_valid(scores_breakdown)
      AND json_extract(scores_breakdown, '$.context_fit') < 0
    GROUP BY +node_id, +model ORDER BY 3 DESC, 1, 2"""
_USE = """
    SELECT node_id, model, COUNT(*) AS total, SUM(timestamp >= ?) AS last_day, MAX(timestamp) AS last_used
    FROM request_traces
    WHERE node_id != '' AND status != 'retried' AND model IS NOT NULL AND typeof(timestamp) IN ('real', 'integer')
    GROUP BY +node_id, +model"""
_DEMAND = """
    SELECT original_model, COUNT(*) FROM request_traces
    WHERE timestamp >= ? AND status = 'completed' AND typeof(original_model) = 'text'
    GROUP BY +original_model ORDER BY 2 DESC, 1 LIMIT 100"""

_CONTEXTS = """
    SELECT model, prompt_tokens,
           CASE WHEN typeof(completion_tokens) = 'integer' THEN completion_tokens ELSE 0 END, timestamp
    FROM request_traces
    WHERE timestamp >= ? AND status = 'completed' AND COALESCE(original_format, '') != 'embed'
      AND typeof(model) = 'text' AND typeof(prompt_tokens) = 'integer' AND typeof(timestamp) IN ('real', 'integer')
      AND COALESCE(context_overflow, '') = ''
    ORDER BY timestamp DESC LIMIT ?"""


class TraceReports:
    """Raises Unavailable where the file cannot be read."""

    def __init__(self, reader: TraceReader) -> None:
        self._reader = reader

    def hours(self, since: float, until: float) -> Rows:
        """Completed calls by hour (UTC, seconds of Unix time at its start); hours without any are left out."""
        return self._rows(_HOURS, since, until)

    def model_days(self, since: float, until: float) -> Rows:
        """Completed calls by model and day (UTC)."""
        return self._rows(_MODEL_DAYS, since, until)

    def models(self, since: float, until: float) -> Rows:
        """Completed calls by model."""
        return self._rows(_MODELS, since, until)

    def tags(self, since: float, until: float) -> Rows:
        """Calls by tag; one with two tags counts for both. `error_rate` from 0 to 1."""
        return self._rows(_TAGS, since, until)

    def tag_summary(self, until: float) -> Rows:
        """By tag, over all that is kept."""
        return self._rows(_TAG_SUMMARY, 0.0, until)

    def tag_days(self, since: float, until: float) -> Rows:
        """Calls by tag and day (UTC)."""
        return self._rows(_TAG_DAYS, since, until)

    def keys(self, since: float, until: float) -> Rows:
        """Calls by the name of their key; those without one are left out."""
        return self._rows(_KEYS, since, until)

    def figures(self, now: float) -> CallFigures:
        """What health looks at: the 24 hours before `now`."""
        day, hour = now - DAY_S, now - HOUR_S
        with self._reader.opened() as database:
            ((first_token_ms,),) = database.execute(_FIRST_TOKENS, [day]).fetchall()
            return CallFigures(
                counts=tuple(StatusCount(*row) for row in database.execute(_STATUSES, [hour, day])),
                avg_ttft_ms=first_token_ms,
                errors=tuple(ErrorCount(*row) for row in database.execute(_ERRORS, [day, ERRORS_SHOWN])),
                overflows=tuple(Overflow(*row) for row in database.execute(_OVERFLOWS, [hour, day])),
            )

    def use(self, now: float) -> list[ModelUse]:
        """Of every model on every node that ever served a call."""
        with self._reader.opened() as database:
            return [ModelUse(*row) for row in database.execute(_USE, [now - DAY_S])]

    def contexts(self, days: int, now: float) -> list[ContextUse]:
        """Tokens of generations, by model; what was cut tells nothing of what was needed."""
        with self._reader.opened() as database:
            calls = database.execute(_CONTEXTS, [now - days * DAY_S, CONTEXT_CALLS])
            return uses((CallTokens(*row) for row in calls), now)

    def demand(self, since: float) -> list[tuple[ModelName, int]]:
        """Completed calls by the model that was asked for, whichever served them; a hundred spellings at most."""
        counts: Counter[ModelName] = Counter()
        with self._reader.opened() as database:
            for name, calls in database.execute(_DEMAND, [since]):
                counts[normalise(name)] += calls
        return counts.most_common()

    def _rows(self, query: str, *values: float) -> Rows:
        with self._reader.opened() as database:
            return rows(database, query, values)
