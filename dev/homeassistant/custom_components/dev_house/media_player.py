"""Media players."""

from __future__ import annotations

from typing import Any

from homeassistant.components.media_player import (
    BrowseMedia,
    MediaClass,
    MediaPlayerEntity,
    MediaPlayerEntityFeature,
    MediaPlayerState,
    MediaType,
    SearchMedia,
    SearchMediaQuery,
)

from .entity import DevEntity, setup


class DevMediaPlayer(DevEntity, MediaPlayerEntity):
    """A media player that obeys at once and finds whatever is searched for."""

    def describe(self, data: dict[str, Any]) -> None:
        """Take over its sources."""
        feature = MediaPlayerEntityFeature
        self._attr_supported_features = (
            feature.TURN_ON
            | feature.TURN_OFF
            | feature.PAUSE
            | feature.PLAY
            | feature.STOP
            | feature.NEXT_TRACK
            | feature.PREVIOUS_TRACK
            | feature.VOLUME_SET
            | feature.VOLUME_STEP
            | feature.VOLUME_MUTE
            | feature.PLAY_MEDIA
            | feature.SEARCH_MEDIA
        )
        if sources := data.get("sources"):
            self._attr_source_list = list(sources)
            self._attr_supported_features |= feature.SELECT_SOURCE

    def begin(self, data: dict[str, Any]) -> None:
        """Take over the state."""
        self._attr_state = MediaPlayerState(data.get("state", "off"))
        self._attr_volume_level = data.get("volume", 0.5)
        self._attr_is_volume_muted = data.get("muted", False)
        self._attr_source = data.get("source")
        self._attr_media_title = data.get("media_title")
        self._attr_media_track = 1

    def put(self, state: Any) -> None:
        """Set its state."""
        self._attr_state = MediaPlayerState(state)

    async def async_turn_on(self) -> None:
        """Turn it on."""
        self._attr_state = MediaPlayerState.ON
        self.done()

    async def async_turn_off(self) -> None:
        """Turn it off."""
        self._attr_state = MediaPlayerState.OFF
        self.done()

    async def async_media_play(self) -> None:
        """Go on."""
        self._attr_state = MediaPlayerState.PLAYING
        self.done()

    async def async_media_pause(self) -> None:
        """Pause."""
        self._attr_state = MediaPlayerState.PAUSED
        self.done()

    async def async_media_stop(self) -> None:
        """Stop."""
        self._attr_state = MediaPlayerState.IDLE
        self.done()

    async def async_media_next_track(self) -> None:
        """Go to the next track."""
        self._attr_media_track = (self._attr_media_track or 0) + 1
        self.done()

    async def async_media_previous_track(self) -> None:
        """Go to the previous track."""
        self._attr_media_track = (self._attr_media_track or 0) - 1
        self.done()

    async def async_set_volume_level(self, volume: float) -> None:
        """Set its volume."""
        self._attr_volume_level = volume
        self.done()

    async def async_mute_volume(self, mute: bool) -> None:
        """Mute it, or not."""
        self._attr_is_volume_muted = mute
        self.done()

    async def async_select_source(self, source: str) -> None:
        """Select a source."""
        self._attr_source = source
        self.done()

    async def async_play_media(self, media_type: str, media_id: str, **kwargs: Any) -> None:
        """Play what was found."""
        self._attr_state = MediaPlayerState.PLAYING
        self._attr_media_title = media_id
        self.done()

    async def async_search_media(self, query: SearchMediaQuery) -> SearchMedia:
        """Find one thing: what was searched for."""
        return SearchMedia(
            result=[
                BrowseMedia(
                    media_class=MediaClass.MUSIC,
                    media_content_id=query.search_query,
                    media_content_type=MediaType.MUSIC,
                    title=query.search_query,
                    can_play=True,
                    can_expand=False,
                )
            ]
        )


async_setup_entry = setup("media_player", DevMediaPlayer)
