"""/dashboard/api/settings: what the coordinator runs with, and which agents belong to it. No secrets are among it."""

from collections.abc import Collection, Iterable
from typing import Any
from urllib.parse import urlsplit

from coordinator.config import Settings
from coordinator.health.snapshot import NodeSeen
from shared import __version__
from shared.sockets import is_loopback

OFF = ("image_generation", "transcription", "fleet_intelligence")
"""Switches that scripts look for, of things that this coordinator does not do."""


def shown(
    settings: Settings, hostname: str, port: int, nodes: Iterable[NodeSeen], own: Collection[str]
) -> dict[str, Any]:
    """`port`: the one it listens on; `own`: this machine's addresses, loopback left out.

    Groups that have no settings here are there, and empty.
    """
    score = {
        name: getattr(settings, name) for name in settings.__struct_fields__ if name.startswith("score_")
    }
    return {
        "router_version": __version__,
        "router_hostname": hostname,
        "config": {
            "toggles": {
                **dict.fromkeys(OFF, False),
                "auto_pull": settings.auto_pull,
                "vram_fallback": settings.vram_fallback,
                "allow_restricted": settings.allow_restricted,
                "dynamic_num_ctx": settings.dynamic_num_ctx,
                "num_ctx_auto_calculate": settings.num_ctx_auto_calculate,
            },
            "context": {"num_ctx_overrides": settings.contexts()},
            "server": {
                "host": settings.host,
                "port": port,
                "data_dir": settings.data_dir,
                "max_retries": settings.max_retries,
                "hold_timeout": settings.hold_timeout,
                "hold_limit": settings.hold_limit,
                "body_limit": settings.body_limit,
                "trace_retention_days": settings.trace_retention_days,
            },
            "heartbeat": {
                "heartbeat_timeout": settings.heartbeat_timeout,
                "heartbeat_offline": settings.heartbeat_offline,
                "forget_time": settings.forget_time,
            },
            "scoring": {"policy": settings.policy, **score},
            "rebalancer": {},
            "pre_warm": {
                "pre_warm_threshold": settings.pre_warm_threshold,
                "pre_warm_after": settings.pre_warm_after,
                "pre_warm_min_availability": settings.pre_warm_min_availability,
            },
            "auto_pull_config": {
                "auto_pull_timeout": settings.auto_pull_timeout,
                "auto_pull_max_gb": settings.auto_pull_max_gb,
                "auto_pull_allow": settings.auto_pull_allow,
                "auto_pulls_per_hour": settings.auto_pulls_per_hour,
                "registry_hosts": settings.registry_hosts,
            },
            "context_protection": {"context_protection": settings.context_protection},
            "reaper": {"stale_timeout": settings.stale_timeout},
        },
        "nodes": [_node(node, (hostname.lower(), *own)) for node in nodes],
    }


def _node(node: NodeSeen, here: Collection[str]) -> dict[str, Any]:
    """`here`: name and addresses of this machine."""
    beat = node.beat
    host = urlsplit(node.address).hostname or ""
    return {
        "node_id": beat.node_id,
        "status": node.standing.status,
        "agent_version": beat.agent_version,
        "ip": host,
        "models_loaded_count": sum(len(engine.replicas) for engine in beat.engines),
        "is_router": is_loopback(node.address) or host.partition("%")[0] in here,
        "image_models": [],
        "image_port": None,
        "stt_models": [],
        "transcription_port": None,
        "embed_models": [
            model.name for engine in beat.engines for model in engine.models if "embedding" in model.abilities
        ],
        "vision_embed_models": [],
        "vision_embedding_port": None,
    }
