"""To-do lists."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

from homeassistant.components.todo import (
    TodoItem,
    TodoItemStatus,
    TodoListEntity,
    TodoListEntityFeature,
)

from .entity import DevEntity, setup


class DevTodoList(DevEntity, TodoListEntity):
    """A list that obeys at once."""

    _attr_supported_features = (
        TodoListEntityFeature.CREATE_TODO_ITEM
        | TodoListEntityFeature.DELETE_TODO_ITEM
        | TodoListEntityFeature.UPDATE_TODO_ITEM
    )

    def begin(self, data: dict[str, Any]) -> None:
        """Take over the items."""
        items = [i if isinstance(i, dict) else {"summary": i} for i in data.get("items", ())]
        self._attr_todo_items = [
            TodoItem(
                uid=uuid4().hex,
                summary=item["summary"],
                status=TodoItemStatus.COMPLETED
                if item.get("completed")
                else TodoItemStatus.NEEDS_ACTION,
            )
            for item in items
        ]

    async def async_create_todo_item(self, item: TodoItem) -> None:
        """Add an item."""
        item.uid = uuid4().hex
        self._attr_todo_items = [*(self._attr_todo_items or []), item]
        self.done()

    async def async_update_todo_item(self, item: TodoItem) -> None:
        """Change an item."""
        self._attr_todo_items = [
            item if old.uid == item.uid else old for old in self._attr_todo_items or []
        ]
        self.done()

    async def async_delete_todo_items(self, uids: list[str]) -> None:
        """Remove items."""
        self._attr_todo_items = [i for i in self._attr_todo_items or [] if i.uid not in uids]
        self.done()


async_setup_entry = setup("todo", DevTodoList)
